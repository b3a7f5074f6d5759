/**
 * The console: Manor's web pages. It reads lists once, follows /api/v1/changes, and shows what it was told; it decides nothing.
 * data/ talks to the API and keeps the fleet in signals; lib/ is pure but for the address bar and the clock; parts/ are pieces that pages share;
 * pages/ are the pages; styles/ hold every colour and measure in tokens.css. Start reading at app.tsx, or at data/connection.ts.
 */
import { render } from 'preact'
import { App } from './app.tsx'
import { startConnection } from './data/connection.ts'
import { startClock } from './lib/clock.ts'
import { startHistory } from './lib/history.ts'
import { startTheme } from './lib/theme.ts'
import { startPalette } from './parts/palette.tsx'

startTheme()
startClock()
startHistory()
startPalette()
const root = document.getElementById('app')
if (root) render(<App />, root)
startConnection()
