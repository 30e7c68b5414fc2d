/** Notification that a certificate is to be ordered now. */
export const ORDER_DUE = 'certificate.order_due';
