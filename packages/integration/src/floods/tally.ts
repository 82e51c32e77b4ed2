/** What a flood has sent, and how often it was answered in which way. */
export class Tally {
  attempts = 0;
  readonly answers: Record<string, number> = {};

  answered(how: string): void {
    this.answers[how] = (this.answers[how] ?? 0) + 1;
  }
}
