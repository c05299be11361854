/** A part of a link as it stands there; the beginning of one that is long. */
export const quoted = (key: string, text: string) => `${key} “${text.slice(0, 24)}”`;

function linkNote(parts: readonly string[]): string {
  const words = parts.length === 1 ? ['This part', 'means'] : ['These parts', 'mean'];
  return `${words[0]} of the link ${words[1]} nothing here: ${parts.join(', ')}.`;
}

/**
 * Tells what is asked for in vain: of a link all in one note, which grows, since some of it is known
 * only when the samplers or the model are there.
 */
export class Faults {
  #ofLink: string[] | null = null;

  /** A link is read. */
  begin(): void {
    this.#ofLink = [];
  }

  /** The page goes on from there. */
  end(): void {
    this.#ofLink = null;
  }

  /** The page's notes with what is told of these parts. */
  tell(parts: readonly string[], notes: readonly string[]): string[] {
    const before = this.#ofLink;
    if (!before) {
      const news = parts.map((part) => `The model knows no ${part}.`);
      return [...notes, ...news.filter((note) => !notes.includes(note))];
    }
    const fresh = parts.filter((part, at) => !before.includes(part) && parts.indexOf(part) === at);
    if (fresh.length === 0) return [...notes];
    this.#ofLink = [...before, ...fresh];
    return [linkNote(this.#ofLink), ...notes.filter((note) => note !== linkNote(before))];
  }
}
