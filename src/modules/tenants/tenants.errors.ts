import { conflict, forbidden } from '../../common/errors.js';

export const lastOwner = () =>
  conflict('LAST_OWNER', 'A tenant keeps at least one active owner; make somebody else an owner first');
export const alreadyMember = (email: string) =>
  conflict('ALREADY_MEMBER', `${email} is a member of this tenant already`);
export const domainTaken = (domain: string) =>
  conflict('DOMAIN_TAKEN', `The domain '${domain}' belongs to another tenant`);
/** For somebody who signed in, and has yet to show that the invitation came to them. */
export const invitationRequired = () =>
  forbidden(
    'This tenant has invited your address: sign in to it with the invitation_token that you were given',
    'INVITATION_REQUIRED',
  );
export const noPassword = () =>
  conflict('NO_PASSWORD', 'This person has no password: they were invited, or sign in through your provider');
export const emailTaken = () => conflict('EMAIL_TAKEN', 'An account with this e-mail address exists already');
export const aboveYourself = () => forbidden('Nobody changes or grants a role above their own');
