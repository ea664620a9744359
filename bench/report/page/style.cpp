// SPDX-License-Identifier: Apache-2.0
#include "bench/report/page/style.h"

namespace permafrost {
namespace {

// Encoder colours start from Okabe & Ito (2008), darkened or lightened until they stand out from
// the ground; markers of different shapes go with them. Heat is one hue, so that order is seen
// with every kind of colour vision.
constexpr const char* kColours = R"css(
:root {
  color-scheme: light dark;
  --ground: #ffffff; --panel: #f6f7f8; --text: #1b1f24; --quiet: #56606b; --line: #d5dae0;
  --link: #0b5394; --focus: #b4530a; --axis: #6b7580; --grid: #e4e8ec; --floor: #6f7780;
  --good: #0b6b4f; --good-ground: #e3f4ec; --bad: #a33b00; --bad-ground: #fdeadf;
  --open: #4a5560; --open-ground: #eceff2; --warn-ground: #fff5d9; --warn: #6b4d00;
  --encoder-0: #0072b2; --encoder-1: #d55e00; --encoder-2: #008562; --encoder-3: #b0478c;
  --encoder-4: #9a6b00; --encoder-5: #7a3fb0; --encoder-6: #5f7300; --encoder-7: #2a8fb8;
  --heat-0: #f1f4f7; --heat-1: #e0eaf3; --heat-2: #cbdeee; --heat-3: #b2cfe7; --heat-4: #94bcdd;
  --heat-5: #3f76a8; --heat-6: #356b9c; --heat-7: #2b608f; --heat-8: #205281; --heat-9: #164473;
  --heat-10: #0c335d; --on-heat: #ffffff;
  --context: #5f95c2; --target: #d55e00; --neither: #e4e8ec;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14181d; --panel: #1c2127; --text: #e6e9ed; --quiet: #a5aeb8; --line: #363e47;
    --link: #7fbdf0; --focus: #ffb454; --axis: #8c96a1; --grid: #2a3138; --floor: #98a1ab;
    --good: #6fd3a8; --good-ground: #12322a; --bad: #ffa270; --bad-ground: #3a2115;
    --open: #b3bcc6; --open-ground: #29313a; --warn-ground: #352b10; --warn: #f0cf7a;
    --encoder-0: #56b4e9; --encoder-1: #ff8b3d; --encoder-2: #2fc598; --encoder-3: #e28cc2;
    --encoder-4: #e6b422; --encoder-5: #b99aff; --encoder-6: #b6c94b; --encoder-7: #86d9ee;
    --heat-0: #1f262d; --heat-1: #20303e; --heat-2: #21394e; --heat-3: #22445f; --heat-4: #245072;
    --heat-5: #5f9fd4; --heat-6: #75aede; --heat-7: #8bbde6; --heat-8: #a2cbed; --heat-9: #bbdaf4;
    --heat-10: #d6e9fa; --on-heat: #10161c;
    --context: #56a5dd; --target: #ff8b3d; --neither: #2a3138;
  }
}
)css";

constexpr const char* kPage = R"css(
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
body > header, main, body > nav, body > footer { max-width: 76rem; margin: 0 auto;
  padding: 0 1.25rem; }
body > header { padding-top: 1.75rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.3rem; line-height: 1.25; margin: 3rem 0 .75rem; padding-top: .75rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.75rem 0 .5rem; }
p, ul, dl { margin: .5rem 0; max-width: 46rem; }
.quiet, figcaption, caption, .notes { color: var(--quiet); }
.notes { font-size: .875rem; padding-left: 1.1rem; max-width: 60rem; }
.notes li { margin: .15rem 0; }
a { color: var(--link); text-underline-offset: .15em; }
a:focus-visible, summary:focus-visible, .scroll:focus-visible { outline: 3px solid var(--focus);
  outline-offset: 2px; border-radius: 2px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--ground); padding: .5rem; z-index: 1; }
nav ol { list-style: none; display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: .8rem 0 0;
  margin: .8rem 0 0; border-top: 1px solid var(--line); max-width: none; font-size: .95rem; }
code, pre { font: .85em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono",
  monospace; }
.hash { overflow-wrap: anywhere; min-width: 17rem; }
.warning { background: var(--warn-ground); color: var(--warn); border-left: 4px solid currentColor;
  padding: .6rem .9rem; max-width: 60rem; margin: .9rem 0; }
.warning ul { margin: .2rem 0; padding-left: 1.1rem; max-width: none; }
.warning li { overflow-wrap: anywhere; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; max-width: 60rem; }
.facts dt { color: var(--quiet); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: .75rem 0; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { caption-side: top; text-align: left; padding: .6rem .75rem; font-size: .875rem; }
caption > span { display: inline-block; position: sticky; left: .75rem;
  max-width: min(60rem, calc(100vw - 4rem)); }
th, td { padding: .4rem .75rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
thead th { background: var(--panel); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 500; }
.records td:last-child { white-space: nowrap; }
.verdicts tbody th { min-width: 13rem; }
.values tbody th { position: sticky; left: 0; background: var(--ground); max-width: 11rem; }
td.number, th.number { text-align: right; white-space: nowrap; }
.values td { text-align: right; white-space: nowrap; }
.values th[scope=col] { min-width: 7.5rem; }
.values thead th + th { text-align: right; }
.values .ours { font-size: 1rem; font-weight: 600; text-decoration: none; }
.values .ours:hover { text-decoration: underline; }
.below { display: block; font-size: .8rem; font-weight: 400; color: var(--quiet); }
.values thead .below { white-space: normal; }
tr:target > *, tbody:target > tr > *, .record:target { background: var(--warn-ground); }
.verdict { white-space: nowrap; border-radius: 4px; padding: .1rem .45rem; font-weight: 600;
  font-size: .85rem; }
.verdict.supported { color: var(--good); background: var(--good-ground); }
.verdict.contradicted { color: var(--bad); background: var(--bad-ground); }
.verdict.undecided, .verdict.not-available, .verdict.below-the-floor { color: var(--open); background: var(--open-ground); }
.chips { display: flex; flex-wrap: wrap; gap: .4rem .5rem; margin: 0; padding: 0; list-style: none; }
.chips a { text-decoration: none; display: inline-block; }
.chips a:hover { text-decoration: underline; }
.claims { list-style: none; padding: 0; max-width: none; }
.claims > li { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr);
  gap: .3rem 1.5rem; border-top: 1px solid var(--line); padding: .7rem 0; }
.claims h4 { display: inline; margin: 0 .6rem 0 0; font-size: 1rem; font-weight: 600; }
.claims p { margin: .2rem 0; }
.claims .chips + p { margin-top: .6rem; }
.answers { padding-left: 1.2rem; }
.answers li { margin: .35rem 0; }
.tally { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; list-style: none; padding: 0; }
.tally b { font-size: 1.35rem; font-weight: 650; font-variant-numeric: tabular-nums; }
figure { margin: 1.25rem 0; }
figcaption { font-size: .875rem; max-width: 60rem; margin-bottom: .5rem; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; list-style: none; padding: 0;
  font-size: .875rem; max-width: none; margin: .4rem 0; }
.swatch { vertical-align: -1px; margin-right: .35rem; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr));
  gap: 1rem 1.25rem; }
.panels > div { min-width: 0; }
.panels h4 { font-size: .875rem; font-weight: 600; margin: 0 0 .25rem; overflow-wrap: anywhere; }
.panels svg { display: block; width: 100%; max-width: 26rem; height: auto; font-family: inherit; }
.panels svg svg { display: inline; width: auto; max-width: none; }
.pixels { image-rendering: pixelated; }
.definitions { position: absolute; }
details { margin: .35rem 0; border: 1px solid var(--line); border-radius: 6px; }
summary { padding: .4rem .75rem; cursor: pointer; font-size: .9rem; overflow-wrap: anywhere; }
pre { margin: 0; padding: .75rem; overflow-x: auto; background: var(--panel);
  border-top: 1px solid var(--line); }
body > footer { padding-top: 2.5rem; padding-bottom: 2.5rem; color: var(--quiet); font-size: .875rem; }
@media (max-width: 40rem) {
  body > header, main, body > nav, body > footer { padding-left: .9rem; padding-right: .9rem; }
  .facts, .claims > li { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .facts dd { margin-bottom: .4rem; }
  th, td { padding: .35rem .55rem; }
}
@media print {
  .scroll { overflow: visible; border: 0; }
  nav, .skip { display: none; }
}
)css";

}  // namespace

std::string report_style() {
  std::string style;
  for (const char* part : {kColours, kPage}) style += part;
  return style;
}

std::string colour_style() { return kColours; }

}  // namespace permafrost
