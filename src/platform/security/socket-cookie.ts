/** Cookie that a sign-in sets and a browser sends with a WebSocket; nothing else accepts it. */
export const SOCKET_COOKIE = 'veloflux_socket';
