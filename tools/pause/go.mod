module larets/tools/pause

go 1.26.0
