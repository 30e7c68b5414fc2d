// A real OpenID provider (oidc-provider) as a process of its own: it is an ES module, and tests are CommonJS.
// Says its port once it listens; every message `{ clients, accounts }` makes it anew.
import http from 'node:http';
import { Provider } from 'oidc-provider';

let handle = (_request, response) => response.writeHead(503).end();
const server = http.createServer((request, response) => handle(request, response));
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));

process.on('message', ({ clients, accounts }) => {
  const provider = new Provider(`http://127.0.0.1:${server.address().port}`, {
    clients,
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name', 'given_name', 'family_name'],
      groups: ['groups'],
    },
    cookies: { keys: ['a key of a test'] },
    findAccount: (_ctx, sub) =>
      accounts[sub] && { accountId: sub, claims: () => ({ sub, ...accounts[sub] }) },
    ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, IdToken: 600 },
  });
  handle = provider.callback();
  process.send({ configured: true });
});
process.on('disconnect', () => process.exit());
