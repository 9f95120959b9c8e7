import fc from 'fast-check'

const TRICKS = [
  '@everyone',
  '@here',
  '<@1234567890>',
  '<@&1234567890>',
  '<#1234567890>',
  '</deploy-client:1>',
  '<t:1:R>',
  '<:name:1>',
  '<a:name:1>',
  '<id:guide>',
  'https://evil.example/x',
  '[label](https://evil.example)',
  '**',
  '__',
  '~~',
  '||',
  '> ',
  '# ',
  '-# ',
  '`',
  '```',
  '\\',
  '\n',
  '\r\n',
  '\t',
  '\u0000',
  '\u001b[31m',
  '\u200b',
  '\u200d',
  '\u202e',
  '\u2066',
  '\u061c',
  '\ufeff',
  '\u{e0041}',
  'а', // Cyrillic
  'مرحبا',
  '😀',
  '👩‍💻',
  '\ud83d',
  '\ude00',
]

/** Text as the least friendly of people would write it, up to about `maxLength` characters. */
export function foreignText(maxLength: number): fc.Arbitrary<string> {
  const units = fc.oneof(
    fc.constantFrom(...TRICKS),
    fc.string({unit: 'binary', maxLength: 8}),
    fc.string({maxLength: 30}),
  )
  return fc.oneof(
    fc.array(units, {maxLength: 40}).map(parts => parts.join('').slice(0, maxLength)),
    fc.string({unit: 'grapheme', maxLength: Math.min(maxLength, 100)}),
    units.map(part =>
      part === '' ? '' : part.repeat(Math.ceil(maxLength / part.length)).slice(0, maxLength),
    ),
  )
}
