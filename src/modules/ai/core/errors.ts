/** The series is too short for the model that was asked for. */
export class NotEnoughDataError extends Error {
  override readonly name = 'NotEnoughDataError';

  /**
   * @param required samples the model needs
   * @param available samples that were given
   * @param what what the samples are, in the plural
   */
  constructor(
    readonly required: number,
    readonly available: number,
    what = 'samples',
  ) {
    super(`not enough data: ${required} ${what} are needed, ${available} are there`);
  }
}

/** Training was told to stop. */
export class TrainingStoppedError extends Error {
  override readonly name = 'TrainingStoppedError';

  constructor() {
    super('training was stopped');
  }
}

/** The input cannot be read as what the model works on (bad timestamps, an impossible horizon, …). */
export class InvalidInputError extends Error {
  override readonly name = 'InvalidInputError';
}
