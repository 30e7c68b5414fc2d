/** Connection string of the database in use: DATABASE_URL, or the embedded server's. Carries credentials: never log it. */
export class DatabaseUrl {
  constructor(readonly value: string) {}
}
