import { Module } from '@nestjs/common';
import { ClusterModule } from '../cluster/index.js';
import { AcmeRepository } from './acme/acme.repository.js';
import { AcmeAccounts } from './acme/acme-accounts.js';
import { AcmeOrders } from './acme/acme-orders.js';
import { AcmeProgress } from './acme/acme-progress.js';
import { CertificatesController } from './certificates.controller.js';
import { CertificatesReadModel } from './certificates.read-model.js';
import { CertificatesRepository } from './certificates.repository.js';
import { CertificatesService } from './certificates.service.js';

@Module({
  imports: [ClusterModule],
  controllers: [CertificatesController],
  providers: [
    CertificatesService,
    CertificatesRepository,
    CertificatesReadModel,
    AcmeRepository,
    AcmeAccounts,
    AcmeProgress,
    AcmeOrders,
  ],
  exports: [CertificatesReadModel],
})
export class CertificatesModule {}
