/** Light, dark, or as the system says; remembered in this browser. */
import { effect, signal } from '@preact/signals'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

const STORAGE_KEY = 'manor-theme'
const stored = (): Theme => THEMES.find(theme => theme === localStorage.getItem(STORAGE_KEY)) ?? 'system'

export const theme = signal<Theme>(stored())

export const nextTheme = (): void => {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system'
}

export const startTheme = (): void => {
  effect(() => {
    if (theme.value === 'system') {
      localStorage.removeItem(STORAGE_KEY)
      delete document.documentElement.dataset.theme
    } else {
      localStorage.setItem(STORAGE_KEY, theme.value)
      document.documentElement.dataset.theme = theme.value
    }
  })
}
