/**
 * As ten others write, each in a way of their own: in a hurry, at length, with slips, politely, as orders, on call, asking,
 * in a second language, quoting. Written without a look at the rules, which got 24 of the 40 of that set right then; these
 * are every other one of them. Expectations as in `REQUESTS`; ` || ` stands between plans that would do.
 */
export const REQUESTS_OF_STRANGERS: readonly (readonly [request: string, expected: string])[] = [
  ['api to staging', 'cicd|infrastructure'],
  ['lint #18 + review', '[code-review code-review] || code-review'],
  [
    'Hi! I was wondering if it would be possible to add an export button to the orders page? Customers keep asking for it.',
    'feature-dev > code-review',
  ],
  [
    "Can you explain to me what src/billing/invoice.ts does? I'm not a developer :)",
    'code-review|documentation',
  ],
  ['pls reveiw pr 61', 'code-review'],
  ['udpate the docs for the new auth endpoints', 'documentation'],
  ['Would you kindly review pull requests 14 and 15?', '[code-review code-review]'],
  [
    'Kindly document the webhook handlers, and afterwards refresh the README accordingly.',
    'documentation > documentation',
  ],
  [
    'Implement pagination for GET /orders, cover it with tests, open a PR.',
    'feature-dev > code-review || feature-dev > [code-review cicd]',
  ],
  ['Get #88 through review and CI.', '[code-review cicd] || code-review > cicd'],
  ['staging is down again, please investigate', 'infrastructure|triage'],
  ['self-heal staging if the health check fails', 'infrastructure || infrastructure > infrastructure'],
  ['What does the deploy workflow do?', '? || code-review|documentation'],
  ['did the tests on #47 pass?', 'cicd'],
  [
    'please to put the api on staging and after tell me if is healthy',
    'cicd|infrastructure > infrastructure',
  ],
  ["the login it doesn't work on mobile, must be fixed", 'feature-dev > code-review'],
  [
    'can we get the changelog for v2.4 written up? and the release notes',
    '[documentation documentation] || documentation',
  ],
  ['Add rate limiting to the public API, docs too please', 'feature-dev > [code-review documentation]'],
  ['yo ship it', '?'],
  ['kick off a build of main and lmk if it breaks', 'cicd'],
]
