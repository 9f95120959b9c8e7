import {describe, expect, test} from 'vitest'
import {resolveInputs} from '../../../src/deployments/port.ts'

describe('the inputs of a workflow', () => {
  test.each<[string, Record<string, string>, Record<string, string | undefined>, Record<string, string>]>([
    ['are sent as configured', {STAGE: 'dev'}, {}, {STAGE: 'dev'}],
    [
      'take the options that were given',
      {API: '${{ options.api_base }}'},
      {api_base: 'https://a.example'},
      {API: 'https://a.example'},
    ],
    [
      'need no spaces',
      {API: '${{options.api_base}}/v1'},
      {api_base: 'https://a.example'},
      {API: 'https://a.example/v1'},
    ],
    [
      'are left out when an option was not given',
      {API: '${{ options.api_base }}', STAGE: 'dev'},
      {api_base: undefined},
      {STAGE: 'dev'},
    ],
    [
      'are left out when one of two options was not given',
      {BOTH: '${{ options.a }}-${{ options.b }}'},
      {a: '1'},
      {},
    ],
    ['may be empty on purpose', {API: '${{ options.api_base }}'}, {api_base: ''}, {API: ''}],
    ['leave other expressions alone', {REF: '${{ github.ref }}'}, {}, {REF: '${{ github.ref }}'}],
    [
      'do not fill in what an option itself looks like',
      {API: '${{ options.a }}'},
      {a: '${{ options.b }}', b: 'secret'},
      {API: '${{ options.b }}'},
    ],
    [
      'take an option with the marks of a replacement as it stands',
      {API: '${{ options.a }}'},
      {a: '$& $1'},
      {API: '$& $1'},
    ],
  ])('%s', (_what, inputs, options, expected) => {
    expect(resolveInputs(inputs, options)).toEqual(expected)
  })
})
