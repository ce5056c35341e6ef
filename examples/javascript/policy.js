import { comms, agesMs } from "jettison:policy/processes@0.1.0";
import { config } from "jettison:policy/request@0.1.0";

const CONVERSIONS = new Set(["ffmpeg", "x264", "x265"]);

export const policy = {
  describe() {
    return { name: "convert", version: "1.0.0", summary: "gives up conversions of videos, the youngest first" };
  },
  validate() {
    return config() === "{}" ? [] : [{ key: "", message: "takes no configuration: remove [policy.config]" }];
  },
  rank() {
    const names = comms(), ages = agesMs();
    const entries = [];
    let start = 0;
    names.ends.forEach((end, row) => {
      const name = String.fromCharCode(...names.bytes.subarray(start, end));
      start = end;
      if (!CONVERSIONS.has(name)) return;
      const minutes = Number(ages[row] / 60000n);
      entries.push({
        target: { tag: "tree", val: row },
        stance: { tag: "sacrifice", val: 900 - Math.min(minutes, 60) },
        oomScoreAdj: undefined,
        shutdown: [{ tag: "signal", val: { number: 15, waitMs: 2000 } }],
        reason: "a conversion, which can be begun again",
      });
    });
    return { entries };
  },
};
