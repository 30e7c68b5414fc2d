import fc from 'fast-check';

// CI asks the same every time, so that a change is judged by what it changed; VELOFLUX_LONG looks for what nobody thought of
if (process.env.VELOFLUX_LONG === undefined) fc.configureGlobal({ seed: 20_261_123 });

export { fc };
