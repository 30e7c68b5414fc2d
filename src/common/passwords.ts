/** How many characters a password that somebody chooses has; so many a sign-in takes. */
export const PASSWORD_LENGTH = { min: 8, max: 256 } as const;
