import { Injectable } from '@nestjs/common';
import { notFound } from '../../../common/errors.js';
import type { Page, PageRequest } from '../../../common/pagination.js';
import { Database } from '../../../platform/database/index.js';
import { Journal } from '../../../platform/journal/index.js';
import { ModelVersionsRepository } from '../forecasting/model-versions.repository.js';
import { ModelVersionResponse, type VersionCard } from './model-versions.dto.js';
import { ModelsService } from './models.service.js';

/** The trained versions of the built-in models: what there is, and which one answers. */
@Injectable()
export class ModelVersionsService {
  constructor(
    private readonly database: Database,
    private readonly versions: ModelVersionsRepository,
    private readonly models: ModelsService,
    private readonly journal: Journal,
  ) {}

  /** Newest first. @throws AppError 404 for an unknown model */
  async list(tenantId: string, model: string, request: PageRequest): Promise<Page<ModelVersionResponse>> {
    const { name } = await this.models.get(tenantId, model);
    return this.database.tenant(tenantId, async (tx) =>
      (await this.versions.page<VersionCard>(tx, tenantId, name, request)).map((row) =>
        ModelVersionResponse.from(row),
      ),
    );
  }

  /**
   * Lets this version answer in place of the one that does. A later training serves its own when that is better, or
   * when this one is older than a day.
   * @throws AppError 404
   */
  serve(tenantId: string, model: string, id: string): Promise<ModelVersionResponse> {
    return this.database.tenant(tenantId, async (tx) => {
      const row = await this.versions.serve<VersionCard>(tx, tenantId, model, id);
      if (!row) throw notFound('Model version', id);
      await this.journal.record(tx, {
        tenantId,
        action: 'ai.model_version_served',
        message: `Version ${row.version} of '${model}' serves`,
        object: { type: 'model', id, name: model },
      });
      return ModelVersionResponse.from(row);
    });
  }
}
