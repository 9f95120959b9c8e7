import {z} from 'zod'
import {finiteDuration, slug} from '../formats.ts'

/** How a language model is used where the file does not say. */
const MODEL_DEFAULTS = {
  agents: {},
  prices: {},
  budget: {dollarsPerDay: 10, tokensPerDay: 2_000_000, tokensPerCall: 16_000},
  timeout: 30_000,
}

/** `models`: the language model, by agent; its prices and its budget. */
export const models = z
  .strictObject({
    agents: z
      .record(slug, z.string().min(1))
      .default({})
      .describe('models by agent; LLM_MODEL for all that are left out'),
    prices: z
      .record(
        z.string().min(1),
        z.strictObject({input: z.number().nonnegative(), output: z.number().nonnegative()}),
      )
      .default({})
      .describe('US dollars for a million tokens, by model'),
    budget: z
      .strictObject({
        dollarsPerDay: z
          .number()
          .positive()
          .default(MODEL_DEFAULTS.budget.dollarsPerDay)
          .describe('counts models with a price'),
        tokensPerDay: z.int().positive().default(MODEL_DEFAULTS.budget.tokensPerDay),
        tokensPerCall: z
          .int()
          .positive()
          .default(MODEL_DEFAULTS.budget.tokensPerCall)
          .describe('sent and answered'),
      })
      .default(MODEL_DEFAULTS.budget)
      .describe('for all processes together; rules take the place of the model when it is used up'),
    timeout: finiteDuration
      .default(MODEL_DEFAULTS.timeout)
      .describe('how long one call may take, tries included; 30s when left out'),
  })
  .default(MODEL_DEFAULTS)
  .describe('the language model of LLM_BASE_URL and LLM_MODEL: prices, budget, choice by agent')
