/** A page as somebody with a browser sees it. */
export interface Page {
  readonly status: number
  readonly url: string
  readonly html: string
  readonly headers: Headers
  readonly forms: readonly {readonly button: string; readonly fields: Readonly<Record<string, string>>}[]
}

export type Visitor = ReturnType<typeof createVisitor>

/** A browser without scripts: keeps cookies by path, follows redirects, sends forms as they stand. */
export function createVisitor({headers = {}}: {readonly headers?: Readonly<Record<string, string>>} = {}) {
  const cookies = new Map<string, {readonly path: string; readonly value: string}>()

  async function request(url: string, init: RequestInit = {}): Promise<Page> {
    const {pathname, origin} = new URL(url)
    const cookie = [...cookies]
      .filter(([, {path}]) => pathname === path || pathname.startsWith(`${path}/`))
      .map(([key, {value}]) => `${key.split(' ')[0] ?? ''}=${value}`)
      .join('; ')
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      headers: {...headers, ...(cookie === '' ? {} : {cookie}), ...(init.headers as Record<string, string>)},
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = '', path = '/'] = /^([^=]+)=([^;]*).*?; Path=([^;]*)/.exec(line) ?? []
      cookies.set(`${name} ${path}`, {path, value})
    }
    const next = response.headers.get('location')
    if (response.status === 303 && next !== null) return request(new URL(next, origin).href)
    const html = await response.text()
    return {status: response.status, url, html, headers: response.headers, forms: formsIn(html)}
  }

  return {
    cookies,
    opens: (url: string) => request(url),
    /** Sends the form of that button, its hidden fields as they are, as a browser on that page would. */
    async presses(
      page: Page,
      button: string,
      typed: Readonly<Record<string, string>> = {},
      given: Readonly<Record<string, string>> = {},
    ): Promise<Page> {
      const form = page.forms.find(each => each.button === button)
      if (!form)
        throw new Error(
          `no button ${button}: ${page.forms.map(each => each.button).join(', ')}\n${page.html}`,
        )
      return request(page.url, {
        method: 'POST',
        body: new URLSearchParams({...form.fields, ...typed}).toString(),
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          origin: 'null',
          'sec-fetch-site': 'same-origin',
          ...given,
        },
      })
    },
  }
}

function formsIn(html: string): Page['forms'] {
  return [...html.matchAll(/<form[^>]*>([\s\S]*?)<\/form>/g)].map(([, inside = '']) => ({
    button: /<button[^>]*>([^<]*)<\/button>/.exec(inside)?.[1] ?? '',
    fields: Object.fromEntries(
      [...inside.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)].map(
        ([, name = '', value = '']) => [name, value],
      ),
    ),
  }))
}

/** One visit that begins with a link: presses buttons on whatever page it is on. */
export function createVisit(url: string) {
  const visitor = createVisitor()
  let page: Promise<Page> = visitor.opens(url)
  return {
    page: () => page,
    presses(button: string, typed: Readonly<Record<string, string>> = {}): Promise<Page> {
      page = page.then(current => visitor.presses(current, button, typed))
      return page
    },
  }
}
