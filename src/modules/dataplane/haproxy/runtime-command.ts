/** One command of the runtime API. */
export interface RuntimeCommand {
  readonly line: string;
  /** Lines that follow the command. */
  readonly payload?: readonly string[];
  /** What a successful answer looks like; most commands answer nothing. */
  readonly answer: RegExp;
}

const SILENT = /^$/;

/** A command of the runtime API. @param answer what HAProxy says when it did it; by default nothing */
export function command(line: string, answer = SILENT): RuntimeCommand {
  return { line, answer };
}
