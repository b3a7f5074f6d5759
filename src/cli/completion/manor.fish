# Completion of manor for fish. To use it now:
#   ./manor completion fish | source
# and for good: ./manor completion fish > ~/.config/fish/completions/manor.fish
#
# What may stand at the cursor is asked of the program itself, so it is always what that program takes.
function __manor_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
    switch "$lines[1]"
        case ':files'
            __fish_complete_path "$current"
        case ':directories'
            __fish_complete_directories "$current"
        case '*'
            printf '%s\n' $lines
    end
end
complete -c manor -f -a '(__manor_complete)'
