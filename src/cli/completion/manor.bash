# Completion of manor for bash. To use it now:
#   source <(./manor completion bash)
# and for good: put that line, with the whole path of manor, into ~/.bashrc.
#
# What may stand at the cursor is asked of the program itself, so it is always what that program takes.
_manor() {
  local -a words=() candidates=()
  local index word line current program=${COMP_WORDS[0]/#\~/$HOME}
  COMPREPLY=()
  # Bash takes --home=DIR for three words; without the = they mean the same.
  for ((index = 1; index <= COMP_CWORD; index++)); do
    word=${COMP_WORDS[index]}
    if [[ $word != '=' ]]; then words+=("$word"); elif ((index == COMP_CWORD)); then words+=(''); fi
  done
  current=${words[${#words[@]} - 1]}
  mapfile -t candidates < <("$program" __complete -- "${words[@]}" 2>/dev/null)
  case ${candidates[0]-} in
    :files)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      ;;
    :directories)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -d -- "$current")
      ;;
    *)
      # A candidate's meaning comes after a tab; bash has no place for it.
      for line in "${candidates[@]}"; do COMPREPLY+=("${line%%$'\t'*}"); done
      ;;
  esac
}
complete -F _manor manor ./manor
