import { PickType } from '@nestjs/swagger';
import { frameOf } from '../../../platform/realtime/index.js';
import { AnomalyNews, AnomalySummary } from '../anomalies/anomalies.dto.js';
import { TrainingNews } from '../training/training.dto.js';
import { AiStatusResponse, ModelStateResponse } from './overview.dto.js';

export class AiState extends PickType(AiStatusResponse, ['status', 'open_trainings']) {
  /** Absent where the state is that of all tenants together. */
  enabled?: boolean;
  /** Absent where the state is that of all tenants together. */
  models?: ModelStateResponse[];
  /** The newest ten that last. */
  anomalies: AnomalySummary[];
}
export class AiFrame extends frameOf('ai', AiState) {}

/** A training was asked for, or went on. */
export class AiTrainingFrame extends frameOf('ai_training', TrainingNews) {}

/** An anomaly was found just now. */
export class AiAnomalyFrame extends frameOf('ai_anomaly', AnomalyNews) {}
