#compdef manor
# Completion of manor for zsh. To use it now:
#   source <(./manor completion zsh)
# and for good: put that line, with the whole path of manor, into ~/.zshrc, after compinit.
#
# What may stand at the cursor is asked of the program itself, so it is always what that program takes.
_manor() {
  local line word meaning program=${~words[1]}
  local -a lines described
  lines=("${(@f)$("$program" __complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  case $lines[1] in
    :files) _files; return ;;
    :directories) _files -/; return ;;
    '') return 1 ;;
  esac
  for line in $lines; do
    word=${line%%$'\t'*}
    meaning=${line#*$'\t'}
    [[ $meaning == $line ]] && meaning=
    described+=("${word//:/\\:}${meaning:+:$meaning}")
  done
  _describe manor described
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -u }
compdef _manor manor ./manor
