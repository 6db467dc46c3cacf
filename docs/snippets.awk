# Makes the examples of functions.md snippets for doxygen: `\snippet functions.cpp name`, where `name` is
# the first word of the heading. What an example prints follows as comments.
#
#   awk -v out=functions.cpp -f snippets.awk functions.md
function marker() { print "//! [" name "]" > out }
/^##/ || /^\*Limits/ { if (opened) marker(); opened = 0; name = "" }
/^### / { name = $2; sub(",", "", name) }
/^```cpp$/ && name { if (!opened) marker(); opened = code = 1; next }
/^```text$/ && opened { output = 1; print "//" > out; next }
/^```$/ { code = output = 0; next }
code { print > out }
output { print "// " $0 > out }
