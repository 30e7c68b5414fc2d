import { Module } from '@nestjs/common';
import { BackendsModule } from '../backends/index.js';
import { BillingModule } from '../billing/index.js';
import { ClusterModule } from '../cluster/index.js';
import { MonitoringModule } from '../monitoring/index.js';
import { PoolsModule } from '../pools/index.js';
import { TelemetryModule } from '../telemetry/index.js';
import { AnomaliesController } from './anomalies/anomalies.controller.js';
import { AnomaliesRepository } from './anomalies/anomalies.repository.js';
import { AnomaliesService } from './anomalies/anomalies.service.js';
import { AnomalyRecorder } from './anomalies/anomaly-recorder.js';
import { AnomalyWatch } from './anomalies/anomaly-watch.js';
import { NodeSeries } from './anomalies/node-series.js';
import { PoolSeries } from './anomalies/pool-series.js';
import { ComparisonController } from './comparison/comparison.controller.js';
import { ComparisonService } from './comparison/comparison.service.js';
import { AiConfigController } from './config/ai-config.controller.js';
import { AiConfigRepository } from './config/ai-config.repository.js';
import { AiConfigService } from './config/ai-config.service.js';
import { ForecastKeeper } from './forecasting/forecast-keeper.js';
import { ForecastsService } from './forecasting/forecasts.service.js';
import { ModelVersionsRepository } from './forecasting/model-versions.repository.js';
import { SettledForecastsRepository } from './forecasting/settled.repository.js';
import { TrafficSeries } from './forecasting/traffic-series.js';
import { BuiltinRuntime } from './models/builtin.runtime.js';
import { ModelPulls } from './models/model-pulls.js';
import { ModelVersionsController } from './models/model-versions.controller.js';
import { ModelVersionsService } from './models/model-versions.service.js';
import { ModelsController } from './models/models.controller.js';
import { ModelsRepository } from './models/models.repository.js';
import { ModelsService } from './models/models.service.js';
import { OllamaRuntime } from './models/ollama.runtime.js';
import { OnnxRuntime } from './models/onnx/onnx.runtime.js';
import { AiChannel } from './overview/ai.channel.js';
import { AiChannelController } from './overview/ai-channel.controller.js';
import { AiHealthService } from './overview/ai-health.service.js';
import { AiMetricsService } from './overview/ai-metrics.service.js';
import { AiStatusService } from './overview/ai-status.service.js';
import { FleetFigures } from './overview/fleet-figures.js';
import { ForecastPerformance } from './overview/forecast-performance.js';
import { OverviewController } from './overview/overview.controller.js';
import { BatchExecutor } from './pipelines/batch-executor.js';
import { DaskBridge } from './pipelines/dask/dask-bridge.js';
import { PipelineExecutor } from './pipelines/pipeline-executor.js';
import { PipelineRunsRepository } from './pipelines/pipeline-runs.repository.js';
import { PipelineRunsService } from './pipelines/pipeline-runs.service.js';
import { PipelineWorker } from './pipelines/pipeline-worker.js';
import { PipelineStepsController, PipelinesController } from './pipelines/pipelines.controller.js';
import { PipelinesRepository } from './pipelines/pipelines.repository.js';
import { PipelinesService } from './pipelines/pipelines.service.js';
import { StepRunner } from './pipelines/step-runner.js';
import { PredictionsController } from './predictions/predictions.controller.js';
import { PredictionsRepository } from './predictions/predictions.repository.js';
import { PredictionsService } from './predictions/predictions.service.js';
import { Predictor } from './predictions/predictor.js';
import { PeakWatch } from './proactive/peak-watch.js';
import { TrainingController } from './training/training.controller.js';
import { TrainingRepository } from './training/training.repository.js';
import { TrainingService } from './training/training.service.js';
import { TrainingRunner } from './training/training-runner.js';

@Module({
  imports: [BackendsModule, BillingModule, ClusterModule, MonitoringModule, PoolsModule, TelemetryModule],
  controllers: [
    AiChannelController,
    AiConfigController,
    AnomaliesController,
    ComparisonController,
    ModelVersionsController,
    ModelsController,
    OverviewController,
    PipelineStepsController,
    PipelinesController,
    PredictionsController,
    TrainingController,
  ],
  providers: [
    AiChannel,
    AiConfigRepository,
    AiConfigService,
    AiHealthService,
    AiMetricsService,
    AiStatusService,
    AnomaliesRepository,
    AnomaliesService,
    AnomalyRecorder,
    AnomalyWatch,
    BatchExecutor,
    BuiltinRuntime,
    ComparisonService,
    DaskBridge,
    FleetFigures,
    ForecastKeeper,
    ForecastPerformance,
    ForecastsService,
    ModelVersionsRepository,
    ModelVersionsService,
    ModelPulls,
    ModelsRepository,
    ModelsService,
    OllamaRuntime,
    NodeSeries,
    OnnxRuntime,
    PeakWatch,
    PipelineExecutor,
    PipelineRunsRepository,
    PipelineWorker,
    PipelinesRepository,
    PipelinesService,
    PipelineRunsService,
    PoolSeries,
    PredictionsRepository,
    PredictionsService,
    Predictor,
    SettledForecastsRepository,
    StepRunner,
    TrafficSeries,
    TrainingRepository,
    TrainingRunner,
    TrainingService,
  ],
})
export class AiModule {}
