// Loaded into the agent by `node --import`: its wall clock is off by as many milliseconds as the file named by CLOCK_FILE says.
import { readFileSync } from 'node:fs';

const RealDate = Date;
let offset = 0;

globalThis.Date = class extends RealDate {
  constructor(...parts) {
    if (parts.length === 0) super(RealDate.now() + offset);
    else super(...parts);
  }

  static now() {
    return RealDate.now() + offset;
  }
};

setInterval(() => {
  try {
    offset = Number(readFileSync(process.env.CLOCK_FILE, 'utf8')) || 0;
  } catch {
    // it is just being written
  }
}, 100).unref();
