/**
 * Whom a text mentions: plain addresses of profiles do, wherever they stand but in code. Plain `@name` mentions nobody.
 * docs: linear.app/developers, agent interaction ("Mentions").
 */
export function mentioned(text: string, profiles: ReadonlyMap<string, string>): readonly string[] {
  const prose = text.replace(/```[\s\S]*?(```|$)/g, ' ').replace(/(`+)(?!`)[\s\S]*?[^`]\1(?!`)/g, ' ')
  return [...profiles].flatMap(([id, url]) => (occurs(prose, url) ? [id] : []))
}

/** As a whole: `…/profiles/ada` is not in `…/profiles/adam`. */
function occurs(text: string, url: string): boolean {
  for (let at = text.indexOf(url); at >= 0; at = text.indexOf(url, at + 1))
    if (!/[\w.-]/.test(text[at + url.length] ?? ' ')) return true
  return false
}
