import { ApiProperty } from '@nestjs/swagger';
import type { AppError } from '../../common/errors.js';

export class ErrorDetail {
  @ApiProperty({ description: 'Path of the field in the request', example: 'health_check.interval' })
  field: string;
  @ApiProperty({ description: 'The rule that it breaks', example: 'isDuration' })
  constraint: string;
  @ApiProperty({ example: 'health_check.interval must be a duration such as 30s' })
  message: string;
}

/** The body of every answer that is an error. */
export class ErrorBody {
  @ApiProperty({ example: true })
  error: boolean;
  @ApiProperty({ description: 'Stable, for programs', example: 'VALIDATION_ERROR' })
  code: string;
  @ApiProperty({ description: 'For people; may change', example: 'name must not be empty' })
  message: string;
  @ApiProperty({ description: 'The same text as `message`', example: 'name must not be empty' })
  detail: string;
  @ApiProperty({
    description: 'One entry a wrong field; empty when no field is to blame',
    type: [ErrorDetail],
  })
  details: ErrorDetail[];
  @ApiProperty({ format: 'date-time', example: '2026-06-19T15:30:00.000Z' })
  timestamp: string;
  @ApiProperty({ description: 'Also in X-Request-Id; name it when you ask for help', example: 'req_01jz3k' })
  request_id: string;
}

/** The one body of everything that fails. */
export const errorBody = (error: AppError, requestId: string): ErrorBody => ({
  error: true,
  code: error.code,
  message: error.message,
  detail: error.message,
  details: error.details,
  timestamp: new Date().toISOString(),
  request_id: requestId,
});
