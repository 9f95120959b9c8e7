/** The page behind a link in a mail, as a browser without scripts has it. */
export interface Visit {
  /** Asks for the code, types it and presses Approve; answers whether the page says that it counts. */
  approve(readCode: () => string): Promise<boolean>
}

/** Opens the link as a person does: follows redirects and keeps cookies. */
export async function visit(link: string): Promise<Visit> {
  const cookies = new Map<string, string>()
  let address = link
  let html = ''

  async function load(url: string, init: RequestInit = {}): Promise<void> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      headers: {cookie, 'sec-fetch-site': 'same-origin'},
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      cookies.set(name, value)
    }
    const next = response.headers.get('location')
    if (next !== null) return load(new URL(next, url).href)
    address = url
    html = await response.text()
  }

  async function press(button: string, typed: Readonly<Record<string, string>> = {}): Promise<void> {
    const forms = [...html.matchAll(/<form[^>]*>([\s\S]*?)<\/form>/g)].map(([, inside = '']) => inside)
    const form = forms.find(inside => inside.includes(`>${button}</button>`)) ?? ''
    const hidden = form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)
    const fields = Object.fromEntries([...hidden].map(([, name = '', value = '']) => [name, value]))
    await load(address, {method: 'POST', body: new URLSearchParams({...fields, ...typed})})
  }

  await load(link)
  return {
    async approve(readCode) {
      await press('Send a code to my Discord')
      await press('Approve', {code: readCode()})
      return /decision counts|: approved/.test(html)
    },
  }
}
