/** Whether an answer with this status ends with its head, whatever its fields say (RFC 9110 §6.4.1, RFC 9112 §6.3). */
export const endsWithHead = (status: number): boolean => status < 200 || status === 204 || status === 304;

/** Whether an answer with this status has no content; one with 205 is framed like any other, but empty (RFC 9110 §15.3.6). */
export const isWithoutContent = (status: number): boolean => endsWithHead(status) || status === 205;
