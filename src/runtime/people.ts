import type {Pool} from 'pg'
import {createAccountStore, type AccountStore} from '../access/account-store.ts'
import {createGithubComments} from '../access/github-comments.ts'
import {createLinks, type Links} from '../access/links.ts'
import {mailDomains} from '../access/mail-domains.ts'
import {createPeople, type People} from '../access/people.ts'
import {createAccountsPort} from '../access/port.ts'
import {createRoster} from '../access/roster.ts'
import type {AuditNotes} from '../audit/audit.ts'
import {auditAccounts} from '../audit/own.ts'
import type {Mailer} from '../integrations/email/mailer.ts'
import {createCodeMail} from '../notifications/code-mail.ts'
import type {Config} from '../platform/config/config.ts'
import type {Logger} from '../platform/logger.ts'
import type {AccountsPort} from '../sdk/index.ts'
import type {HouseGithub} from './github.ts'

/** Who is who: the people of signalbox.yaml, and the accounts that they proved to be theirs. */
export interface HousePeople {
  readonly people: People
  readonly accounts: AccountStore
  readonly links: Links
  readonly port: AccountsPort
}

export function openPeople({
  config,
  pool,
  audit,
  github: {hosts, repositories},
  mailer,
  log,
}: {
  readonly config: Pick<Config, 'principals' | 'notifications' | 'linear'>
  readonly pool: Pool
  readonly audit: AuditNotes
  readonly github: Pick<HouseGithub, 'hosts' | 'repositories'>
  readonly mailer: Mailer | undefined
  readonly log: Logger
}): HousePeople {
  const {principals, notifications, linear} = config
  const roster = createRoster(principals)
  const accounts = auditAccounts(createAccountStore({pool}), audit)
  const people = createPeople({roster, accounts})
  const ourDomains = mailDomains([
    notifications?.emailFrom,
    ...(notifications?.emailTo ?? []),
    ...principals.map(({email}) => email),
  ])
  const links = createLinks({
    pool,
    store: accounts,
    roster,
    githubComments: hosts && createGithubComments({host: hosts.repository, repositories, log}),
    sendCode: mailer && createCodeMail({mailer}),
    isOurDomain: domain => ourDomains.has(domain),
    log,
  })
  return {
    people,
    accounts,
    links,
    port: createAccountsPort({
      people,
      roster,
      store: accounts,
      links,
      repositories: hosts && repositories,
      hubIssue: linear?.approvalHubIssueId,
    }),
  }
}
