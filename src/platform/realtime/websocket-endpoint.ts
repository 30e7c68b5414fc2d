import { applyDecorators, type Type } from '@nestjs/common';
import { ApiExtraModels, ApiOperation, ApiProperty, ApiResponse, getSchemaPath } from '@nestjs/swagger';
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
 * Documents the handler of a live channel's address. Asked for no upgrade it answers the state, once, as the first frame
 * has it (`Channels.current`). OpenAPI has no word for what follows a handshake, so the frames stand under status 101:
 * generated clients get their types. The handshake itself is a gateway's.
 */
export const WebSocketEndpoint = (summary: string, ...frames: Type<Frame>[]) =>
  applyDecorators(
    ApiExtraModels(...frames),
    ApiOperation({
      summary,
      description: 'A WebSocket; a request that asks for no upgrade gets what would be the first frame.',
    }),
    ApiResponse({
      status: 101,
      description: 'Frames, each a text message',
      content: { 'application/json': { schema: schemaOf(frames) } },
    }),
  );

const schemaOf = (frames: readonly Type<Frame>[]) => {
  const schemas = frames.map((frame) => ({ $ref: getSchemaPath(frame) }));
  return schemas.length === 1 ? schemas[0]! : { oneOf: schemas };
};
