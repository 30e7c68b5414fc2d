import { connect } from 'node:net';
import type { RuntimeCommand } from './runtime-command.js';

/** A command was refused, or the socket did not answer. The message has the command but no tenant's text. */
export class RuntimeApiError extends Error {
  override readonly name = 'RuntimeApiError';
}

const PROMPT = '\n> ';
const ANSWER_TIMEOUT_MS = 10_000;
/** A command and its payload have to fit HAProxy's buffer (`tune.bufsize`, 16 kB). */
const LONGEST_PAYLOAD = 15_000;

/**
 * Asks one question on a connection of its own and returns the whole answer. Works for the stats socket and for the
 * master's, which answers only when the client half-closes.
 */
export async function ask(
  socketPath: string,
  question: string,
  timeoutMs = ANSWER_TIMEOUT_MS,
): Promise<string> {
  const socket = connect(socketPath);
  socket.setTimeout(timeoutMs, () => socket.destroy(new RuntimeApiError(`no answer to "${question}"`)));
  socket.end(`${question}\n`);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/**
 * Runs commands in order over one connection, all sent at once. The first failure rejects; commands after it may have
 * run nevertheless.
 * @throws RuntimeApiError
 */
export async function runCommands(socketPath: string, commands: readonly RuntimeCommand[]): Promise<void> {
  if (commands.length === 0) return;
  const messages = commands.map(messageOf);
  const answers = await converse(socketPath, messages);
  commands.forEach(({ line, answer }, index) => {
    const text = answers[index].trim();
    if (!answer.test(text)) throw new RuntimeApiError(`"${verbOf(line)}" answered "${firstLine(text)}"`);
  });
}

/** In interactive mode the connection stays open and every answer ends with a prompt. */
function converse(socketPath: string, messages: readonly string[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let text = '';
    socket.setEncoding('utf8');
    socket.setTimeout(ANSWER_TIMEOUT_MS, () =>
      socket.destroy(new RuntimeApiError('the runtime API does not answer')),
    );
    socket.on('data', (chunk: string) => {
      text += chunk;
      const answers = text.split(PROMPT);
      // The first prompt answers "prompt" itself, and after the last one nothing follows.
      if (answers.length < messages.length + 2) return;
      socket.destroy();
      resolve(answers.slice(1, -1).map((answer) => answer.replace(/^(?:\+ )+/, '')));
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new RuntimeApiError('the runtime API closed the connection')));
    socket.write(`prompt\n${messages.join('')}`);
  });
}

function messageOf({ line, payload }: RuntimeCommand): string {
  if (!payload) return `${line}\n`;
  // An empty line would end the payload.
  const message = `${line} <<\n${payload.filter((each) => each !== '').join('\n')}\n\n`;
  if (Buffer.byteLength(message) > LONGEST_PAYLOAD)
    throw new RuntimeApiError(`the payload of "${verbOf(line)}" is too long`);
  return message;
}

const verbOf = (line: string): string => line.split(' ').slice(0, 3).join(' ');
const firstLine = (text: string): string => text.split('\n', 1)[0].slice(0, 200);
