module larets/load

go 1.22
