export { MailModule } from './mail.module.js';
export { type Mail, Mailer } from './mailer.js';
export { type SmtpServer, smtpServerOf, smtpTransport } from './smtp.js';
