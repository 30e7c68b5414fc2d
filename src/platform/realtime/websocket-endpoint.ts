import { applyDecorators, type Type } from '@nestjs/common';
import { ApiExtraModels, ApiOperation, ApiProperty, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { AppError } from '../../common/errors.js';
import { ApiFails } from '../http/index.js';
import type { Frame } from './channel.js';

/** A frame of one type. */
export type FrameOf<T extends string, D> = Frame & { type: T; data: D };

/**
 * Base class for the DTO of a frame `{type, timestamp, data}`, so that the document names the types of what arrives.
 * @param data class of `data`; in brackets: a list of them
 */
export function frameOf<T extends string, D>(type: T, data: [Type<D>]): Type<FrameOf<T, D[]>>;
export function frameOf<T extends string, D>(type: T, data: Type<D>): Type<FrameOf<T, D>>;
export function frameOf(type: string, data: Type | [Type]): Type<Frame> {
  class FrameBase implements Frame {
    @ApiProperty({ enum: [type], example: type })
    type: string;
    @ApiProperty({ example: '2026-06-19T15:30:00.000Z' })
    timestamp: string;
    @ApiProperty({ type: data })
    data: unknown;
  }
  return FrameBase;
}

/**
 * Documents the handler of a path that is a WebSocket. OpenAPI has no word for what follows a handshake, so the frames
 * stand under status 101: generated clients get their types. The handshake itself is a gateway's; the handler answers
 * requests that forgot to ask for an upgrade, with {@link upgradeRequired}.
 */
export const WebSocketEndpoint = (summary: string, ...frames: Type<Frame>[]) =>
  applyDecorators(
    ApiExtraModels(...frames),
    ApiOperation({ summary }),
    ApiResponse({
      status: 101,
      description: 'Frames, each a text message',
      content: { 'application/json': { schema: schemaOf(frames) } },
    }),
    ApiFails(426),
  );

const schemaOf = (frames: readonly Type<Frame>[]) => {
  const schemas = frames.map((frame) => ({ $ref: getSchemaPath(frame) }));
  return schemas.length === 1 ? schemas[0]! : { oneOf: schemas };
};

/** 426: the request asked for no upgrade (RFC 9110, 15.5.22). */
export const upgradeRequired = (): AppError =>
  new AppError(426, 'UPGRADE_REQUIRED', 'This address is a WebSocket: open it with a WebSocket client');
