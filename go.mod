module wordclockd

go 1.26
