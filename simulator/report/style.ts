/** The look of a report: the reader's own fonts, light and dark by the reader's choice, and paper. */
export const STYLE = `
:root{color-scheme:light dark;--page:#fbfaf7;--card:#fff;--ink:#1c2321;--soft:#56605c;--rule:#dcdad2;--s0:#1d5fbf;--s1:#b4500b;--bad:#b3261e;--bad-soft:#fdecea;--good:#1a6b3c;--good-soft:#e6f4ea;--fault:#b3261e;--quiet:#0000000a}
@media (prefers-color-scheme:dark){:root{--page:#14181a;--card:#1c2225;--ink:#e8ebe9;--soft:#a3aeaa;--rule:#333b3e;--s0:#7fb0ff;--s1:#ffad66;--bad:#ff9a91;--bad-soft:#3a1f1d;--good:#83d6a4;--good-soft:#1a3324;--fault:#ff9a91;--quiet:#ffffff0d}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:26px;line-height:1.2;margin:0 0 4px}
h2{font-size:18px;margin:36px 0 10px}
p{margin:6px 0;max-width:80ch}
.soft{color:var(--soft)}
.verdict{margin:18px 0;padding:12px 16px;border-radius:8px;border:1px solid}
.verdict.good{background:var(--good-soft);border-color:var(--good)}
.verdict.bad{background:var(--bad-soft);border-color:var(--bad)}
.verdict strong{display:block}
.verdict.good strong{color:var(--good)}
.verdict.bad strong{color:var(--bad)}
.totals{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,190px),1fr));gap:10px;margin:18px 0 0}
.totals div{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:10px 12px}
.totals dt{color:var(--soft);font-size:13px}
.totals dd{margin:2px 0 0;font-size:19px;font-weight:600;font-variant-numeric:tabular-nums}
.totals dd small{display:block;font-size:12px;font-weight:400;color:var(--soft)}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:14px}
figure{margin:0;background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:10px 12px}
figcaption{display:flex;flex-wrap:wrap;justify-content:space-between;gap:2px 14px;font-weight:600;margin-bottom:4px}
.legend{display:flex;flex-wrap:wrap;gap:0 14px;font-weight:400;font-size:13px;color:var(--soft)}
.legend svg{vertical-align:middle}
figure>svg{display:block;overflow:visible;width:100%;height:auto}
.grid{stroke:var(--rule);stroke-width:1}
.tick,.lane{fill:var(--soft);font:11px system-ui,sans-serif;font-variant-numeric:tabular-nums}
.lane{font-size:13px;fill:var(--ink)}
.line{fill:none;stroke-width:1.6;stroke-linejoin:round;stroke-linecap:round}
.band{opacity:.22}
.band.s0{fill:var(--s0)}
.band.s1{fill:var(--s1)}
.line.s0{stroke:var(--s0)}
.line.s1{stroke:var(--s1);stroke-dasharray:5 3}
.mark,.fault{stroke:var(--fault);stroke-width:1.5}
.mark{opacity:.7}
.quiet{fill:var(--quiet)}
.lanes{overflow-x:auto}
.lanes>svg{min-width:720px}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--rule);border-radius:8px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:8px 12px;color:var(--soft)}
th,td{padding:6px 12px;text-align:left;border-top:1px solid var(--rule);white-space:nowrap}
thead th{border-top:0;color:var(--soft);font-weight:600;font-size:13px}
.n{text-align:right}
td.long{white-space:normal;min-width:240px;overflow-wrap:anywhere}
tr.chosen{background:var(--good-soft)}
details{margin:12px 0}
summary{cursor:pointer;font-weight:600;padding:6px 0}
summary:focus-visible,.scroll:focus-visible,.lanes:focus-visible{outline:2px solid var(--s0);outline-offset:2px}
pre{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:12px;overflow:auto;font:12.5px/1.5 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
code{font:.92em ui-monospace,monospace;overflow-wrap:anywhere}
@media (max-width:600px){.plot .tick{font-size:16px}.totals{grid-template-columns:1fr 1fr}}
.scroll+.scroll{margin-top:12px}
@media print{body{background:#fff}figure,.scroll{break-inside:avoid}}
`
