import {
  type AgentFrame,
  MAX_AGENT_FRAME_BYTES,
  type ProcessStatus,
  parseAgentFrame,
  parseServerFrame,
  type ServerFrame,
} from './agent-protocol.js';

const status: ProcessStatus = {
  state: 'running',
  pid: 4711,
  restarts: 2,
  last_exit_code: null,
  last_exit_signal: 'SIGKILL',
  uptime_seconds: 1.5,
  error: null,
};
const host = {
  cpu_percent: 12.5,
  memory_percent: null,
  gpus: [{ name: 'A100', utilization_percent: 3, memory_percent: null }],
  uptime_seconds: 100,
};
const agentFrames: AgentFrame[] = [
  { type: 'hello', protocol: 1, hostname: 'node-a', platform: 'linux', command: 'dask', process: status },
  { type: 'report', at: '2026-11-22T20:00:00.000Z', ip_address: '10.0.0.5', host, process: status },
  { type: 'command_result', id: 'c1', ok: false, process: status, error: 'exited with code 1' },
];
const serverFrames: ServerFrame[] = [
  { type: 'settings', protocol: 1, interval_seconds: 5 },
  { type: 'command', id: 'c1', verb: 'restart' },
];
const [hello, report, result] = agentFrames;

describe('agent protocol', () => {
  it.each(agentFrames)('reads an agent’s $type', (frame) => {
    expect(parseAgentFrame(JSON.stringify(frame))).toEqual(frame);
  });

  it.each(serverFrames)('reads the server’s $type', (frame) => {
    expect(parseServerFrame(JSON.stringify(frame))).toEqual(frame);
  });

  it('takes members that it does not know', () => {
    expect(parseAgentFrame(JSON.stringify({ ...hello, later: 1 }))).not.toBeNull();
  });

  it.each([
    ['not JSON', '{'],
    ['no object', '[]'],
    ['null', 'null'],
    ['no type', '{}'],
    ['a type of the other side', JSON.stringify(serverFrames[1])],
    ['a type that every object has', '{"type":"constructor"}'],
    ['an unknown state', JSON.stringify({ ...hello, process: { ...status, state: 'asleep' } })],
    ['a missing member', JSON.stringify({ ...hello, command: undefined })],
    ['a percentage over 100', JSON.stringify({ ...report, host: { ...host, cpu_percent: 101 } })],
    ['a negative pid', JSON.stringify({ ...hello, process: { ...status, pid: -1 } })],
    ['a time that is none', JSON.stringify({ ...report, at: 'now' })],
    ['too many GPUs', JSON.stringify({ ...report, host: { ...host, gpus: Array(17).fill(host.gpus[0]) } })],
    ['a text for a boolean', JSON.stringify({ ...result, ok: 'true' })],
    ['more than the largest frame', JSON.stringify({ ...hello, later: 'x'.repeat(MAX_AGENT_FRAME_BYTES) })],
  ])('refuses %s from an agent', (_what, text) => {
    expect(parseAgentFrame(text)).toBeNull();
  });

  it.each([
    ['a verb that it does not know', '{"type":"command","id":"c1","verb":"run"}'],
    ['a command without an id', '{"type":"command","verb":"stop"}'],
    ['an interval of nothing', '{"type":"settings","protocol":1,"interval_seconds":0}'],
    ['a type of the other side', JSON.stringify(hello)],
  ])('refuses %s from the server', (_what, text) => {
    expect(parseServerFrame(text)).toBeNull();
  });
});
