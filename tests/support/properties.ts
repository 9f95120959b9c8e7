import fc from 'fast-check'

/** In CI the same commit tries the same cases, so it is red or green and not both. Everywhere else each run draws new ones. */
if (process.env['CI']) fc.configureGlobal({seed: 20_261_122})
