import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/**
 * `error`: 500; `drop`: the connection ends half way, in either direction; `corrupt`: a byte changes on the way;
 * `denied`: 403.
 */
export type S3Fault = 'error' | 'drop' | 'corrupt' | 'denied';

/** An S3 bucket store on a free port of loopback: path-style PUT, GET and DELETE of objects, with faults. */
export class S3Double {
  /** By `/bucket/key`. */
  readonly objects = new Map<string, Buffer>();
  /** What happens to the next requests, one each; the last one stays when it is in `lasting`. */
  faults: S3Fault[] = [];
  lasting: S3Fault | null = null;
  requests = 0;
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      this.requests++;
      const fault = this.faults.shift() ?? this.lasting;
      this.answer(request, response, fault).catch(() => response.destroy());
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async start(): Promise<this> {
    await new Promise<void>((ok) => this.server.listen(0, '127.0.0.1', ok));
    return this;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((ok) => this.server.close(ok));
  }

  private async answer(request: IncomingMessage, response: ServerResponse, fault: S3Fault | null) {
    const { pathname } = new URL(request.url!, 'http://s3');
    if (fault === 'drop' && request.method === 'PUT') return request.once('data', () => request.destroy());
    const body = await buffer(request);
    if (fault === 'error') return refuse(response, 500, 'InternalError');
    if (fault === 'denied') return refuse(response, 403, 'AccessDenied');
    if (request.method === 'PUT') return this.put(pathname, request, response, changed(body, fault));
    if (request.method === 'DELETE') {
      this.objects.delete(pathname);
      return response.writeHead(204).end();
    }
    const object = this.objects.get(pathname);
    if (!object) return refuse(response, 404, 'NoSuchKey');
    response.writeHead(200, { 'content-length': object.length, 'content-type': 'application/octet-stream' });
    if (fault !== 'drop') return response.end(changed(object, fault));
    response.write(object.subarray(0, object.length >> 1), () => response.destroy());
    return response;
  }

  private put(path: string, request: IncomingMessage, response: ServerResponse, body: Buffer) {
    const told = request.headers['x-amz-checksum-sha256'];
    const is = createHash('sha256').update(body).digest('base64');
    if (told !== undefined && told !== is) return refuse(response, 400, 'BadDigest');
    this.objects.set(path, body);
    const etag = `"${createHash('md5').update(body).digest('hex')}"`;
    return response.writeHead(200, { etag, 'x-amz-checksum-sha256': is }).end();
  }
}

function changed(body: Buffer, fault: S3Fault | null): Buffer {
  if (fault !== 'corrupt') return body;
  const copy = Buffer.from(body);
  copy[copy.length >> 1]! ^= 1;
  return copy;
}

const refuse = (response: ServerResponse, status: number, code: string) =>
  response
    .writeHead(status, { 'content-type': 'application/xml' })
    .end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
