import type { Layer, Next } from "./policy.ts";

/** What the engine learns of each layer: how often it was entered, how often it refused, and sampled time until it passed on. */
export interface LayerMeter {
  entered: number;
  refused: number;
  /** Of every 64th passage. */
  sampledMs: number;
  samples: number;
}

const SAMPLE_MASK = 63;

/** Nests the layers around `terminal`, outermost first, once; running them allocates nothing of the engine's own. */
export function compose<X, R>(
  layers: readonly Layer<X, R>[],
  terminal: Next<X, R>,
): { run: Next<X, R>; meters: ReadonlyMap<string, LayerMeter> } {
  const meters = new Map<string, LayerMeter>();
  let run = terminal;
  for (const layer of [...layers].reverse()) {
    const meter: LayerMeter = { entered: 0, refused: 0, sampledMs: 0, samples: 0 };
    meters.set(layer.name, meter);
    run = measured(layer, run, meter);
  }
  return { run, meters };
}

function measured<X, R>(layer: Layer<X, R>, next: Next<X, R>, meter: LayerMeter): Next<X, R> {
  const { policy } = layer;
  let sampling = 0;
  let passed = false;
  const counted: Next<X, R> = (x) => {
    passed = true;
    if (sampling !== 0) {
      meter.sampledMs += performance.now() - sampling;
      meter.samples++;
      sampling = 0;
    }
    return next(x);
  };
  return (x) => {
    passed = false;
    if ((++meter.entered & SAMPLE_MASK) === 0) sampling = performance.now();
    try {
      return policy(x, counted);
    } catch (thrown) {
      // Thrown before passing on: this layer's own refusal.
      if (!passed) meter.refused++;
      throw thrown;
    }
  };
}
