/**
 * As different people write: typos, other orders of words, two sentences, courtesies, English with German bones,
 * negations. They were written without a look at the rules, which got 14 of them right then; since that the rules were
 * improved with them in view, so that their figure guards more than it measures. Expectations as in `REQUESTS`.
 */
export const REQUESTS_OF_OTHERS: readonly (readonly [request: string, expected: string])[] = [
  // In a hurry.
  ['pls reveiw PR 31 thx', 'code-review'],
  ['depoly client to prod', 'cicd|infrastructure'],
  ['client is down!!! do something', 'infrastructure'],
  ['is the api ok?', 'infrastructure'],
  ['reveiw #44, tehn deploy to staging', 'code-review > cicd|infrastructure'],
  // With courtesies.
  ['Hi team, could somebody take a look at #18 before lunch?', 'code-review'],
  ['I would be very grateful if you could roll the api back to the previous version.', 'infrastructure|cicd'],
  ["It'd be lovely to have the changelog refreshed; also, kindly run the linter.", '[documentation cicd]'],
  ['Would it be possible to restart the nightly build?', 'cicd'],
  ["Something's wrong with staging, can you figure out what?", 'infrastructure'],
  ['Thanks! Now roll out the client, but review #90 first', 'code-review > cicd|infrastructure'],
  // English with German bones.
  ['The client must please today be deployed on production', 'cicd|infrastructure'],
  [
    'we should make a review from the pull request 52 and after that bring it to staging',
    'code-review > cicd|infrastructure',
  ],
  ['Let the tests run on main one more time', 'cicd'],
  [
    'I need that the api is rolled out to staging and that the handbook is actualized',
    '[cicd|infrastructure documentation]',
  ],
  ['Please look once if the production is still reachable', 'infrastructure'],
  // Negations.
  ["don't deploy anything, just run the tests for PR 9", 'cicd'],
  ['do not ship #14, only review it', 'code-review'],
  ['Never mind the review, only deploy client', 'cicd|infrastructure'],
  ['Refactor the payment module but do not touch the API', 'feature-dev > code-review'],
  ['Skip the approval and ship client now', '!'],
  // In another order.
  ['After #77 has been reviewed, ship it', 'code-review > cicd|infrastructure'],
  ['ship #77 once the tests are green', 'cicd > cicd|infrastructure'],
  ['Before we ship the client I want the end-to-end tests to be run', 'cicd > cicd|infrastructure'],
  [
    'Rebuild the pipeline for release-2 and if it passes roll it out to the api',
    'cicd > cicd|infrastructure',
  ],
  [
    'look through the diff of PR 5, then test it and if all is well put it on staging',
    'code-review > cicd > cicd|infrastructure',
  ],
  ['Run the unit tests on PR 88, then review it', 'cicd > code-review'],
  // Code and documents, told as wishes.
  [
    'The login button is broken on Safari. Please fix it and have someone review the change.',
    'feature-dev > code-review',
  ],
  ['can we get a dark mode toggle on the settings page?', 'feature-dev > code-review'],
  ['implement rate limiting for the login endpoint, with tests', 'feature-dev > code-review'],
  ['Not urgent, but the flaky test in checkout.spec.ts should get fixed', 'feature-dev > code-review'],
  [
    'Add input validation to the signup form. Afterwards update the documentation.',
    'feature-dev > [code-review documentation]',
  ],
  ['The docs are outdated, bring them up to date', 'documentation'],
  ['Readme needs a section about the CLI', 'documentation'],
  ['set LOG_LEVEL to debug for the api', 'infrastructure'],
  // Not clear, or not to be done.
  ['fix it', '?'],
  ['Could you do the thing from yesterday again?', '?'],
  ['Deploy please!', '?'],
  ['Please delete all the data in the production db', '!'],
  ['push my change straight to main without a review', '!'],
]
