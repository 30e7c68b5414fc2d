import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalidField, preconditionFailed } from '../../common/errors.js';

/** Strong entity tag of a resource's version (RFC 9110 §8.8.3). */
const etagOf = (version: number): string => `"${version}"`;

/** Sends the entity tag of the resource that is answered. */
export const sendEtag = (reply: FastifyReply, version: number): void =>
  void reply.header('etag', etagOf(version));

/** Versions that `If-Match` names; null without the header or for `*`. */
export const IfMatch = createParamDecorator((_: unknown, context: ExecutionContext): number[] | null => {
  const header = context.switchToHttp().getRequest<FastifyRequest>().headers['if-match'];
  if (header === undefined || header.trim() === '*') return null;
  const tags = header.split(',').map((tag) => /^\s*(?:W\/)?"(\d{1,15})"\s*$/.exec(tag)?.[1]);
  if (tags.some((tag) => tag === undefined))
    throw invalidField('If-Match', 'etag', 'If-Match must be an entity tag of this resource');
  return tags.map(Number);
});

/** @throws AppError 412 when the resource is at another version than the writer saw */
export function checkIfMatch(ifMatch: number[] | null, version: number): void {
  if (ifMatch && !ifMatch.includes(version))
    throw preconditionFailed('It was changed by somebody else since you read it; read it again');
}
