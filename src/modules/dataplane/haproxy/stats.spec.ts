import { healthOf, isEjected, parseStat } from './stats.js';

/** As HAProxy 2.6 answers `show stat -1 5 -1`, with the columns between left out. */
const CSV = `# pxname,svname,qcur,qmax,scur,status,type,check_status,check_code,check_desc,
fe.http,FRONTEND,,,12,OPEN,0,,,,
pool_a,backend_1,0,0,3,UP,2,* L7OK,200,Layer7 check passed,
pool_a,backend_2,0,0,0,DOWN,2,L4CON,,"Connection refused, ""again""",

`;

describe('show stat', () => {
  it('rows are read by the names of their columns', () => {
    expect(parseStat(CSV)).toEqual({
      frontends: [{ connections: 12 }],
      servers: [
        {
          section: 'pool_a',
          server: 'backend_1',
          status: 'UP',
          checkStatus: 'L7OK',
          checkText: 'Layer7 check passed, status 200',
          current: 3,
        },
        {
          section: 'pool_a',
          server: 'backend_2',
          status: 'DOWN',
          checkStatus: 'L4CON',
          checkText: 'Connection refused, "again"',
          current: 0,
        },
      ],
    });
  });

  it('something else than a table is an error', () => {
    expect(() => parseStat('Unknown command\n\n')).toThrow('no header');
    expect(() => parseStat('')).toThrow('cut off');
    expect(() => parseStat(CSV.slice(0, -20))).toThrow('cut off');
  });

  it.each([
    ['UP', 'L7OK', 'healthy'],
    ['UP 1/2', 'L7STS', 'healthy'],
    ['DRAIN', 'L7OK', 'healthy'],
    ['DOWN', 'L4CON', 'unhealthy'],
    ['DOWN 1/2', 'L7OK', 'unhealthy'],
    ['no check', '', 'unknown'],
    ['UP', 'INI', null],
    ['', 'L7OK', null],
    ['MAINT', 'L7OK', null],
    ['MAINT (resolution)', '', null],
  ])('%s with %s is %s', (status, checkStatus, health) => {
    expect(healthOf({ status, checkStatus })).toBe(health);
  });

  it('only a server that requests took down is ejected', () => {
    expect(isEjected({ status: 'DOWN', checkStatus: 'HANA' })).toBe(true);
    expect(isEjected({ status: 'DOWN', checkStatus: 'L4CON' })).toBe(false);
    expect(isEjected({ status: 'UP', checkStatus: 'HANA' })).toBe(false);
  });
});
