module wordclockd

go 1.26.0

require periph.io/x/conn/v3 v3.7.3

require (
	golang.org/x/sys v0.49.0 // indirect
	periph.io/x/host/v3 v3.8.5 // indirect
)
