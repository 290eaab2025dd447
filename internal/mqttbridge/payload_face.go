package mqttbridge

import (
	"fmt"
	"slices"
	"strings"

	"wordclockd/internal/face"
)

func facePayload(v view) []byte {
	w := struct {
		Text       string `json:"text"`
		MinuteLEDs int    `json:"minute_leds"`
		Unknown    bool   `json:"unknown"`
		Dark       []int  `json:"dark_rows"`
		Demo       bool   `json:"demo"`
	}{v.Face.Phrase.Text(), v.Face.Phrase.MinuteLEDs(), v.Face.Unknown, append([]int{}, v.Face.Dark...), v.Demo}
	if v.Face.Unknown || v.Face.Off { // if they are lit they blink
		w.Text, w.MinuteLEDs = "", 0
	}
	return compact(w)
}

// lit returns what is seen lit. LEDs that blink count as lit.
func lit(v view) face.Mask {
	phrase := v.Face.Phrase
	switch {
	case v.Light.Off || v.Face.Off:
		return face.Mask{}
	case v.Face.Unknown:
		phrase = face.Dots(4)
	}
	m := phrase.Mask()
	for row := range m {
		if slices.Contains(v.Face.Dark, row) {
			m[row] = 0
		}
	}
	return m
}

// imagePayload draws the front as SVG.
func imagePayload(v view) []byte {
	const cell, margin = 40, 40
	const width, height = 2*margin + cell*face.Letters, 2*margin + cell*(face.Rows+1)
	m := lit(v)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="DejaVu Sans,Helvetica,sans-serif" font-size="26" text-anchor="middle">`, width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="12" fill="#161513"/>`, width, height)
	for row := range face.Rows {
		for _, on := range []bool{true, false} {
			var xs, letters strings.Builder
			for col := range face.Letters {
				if r := face.Letter(row, col); r != 0 && m.Lit(row, col) == on {
					fmt.Fprintf(&xs, "%d ", margin+cell*col+cell/2)
					letters.WriteRune(r)
				}
			}
			if letters.Len() > 0 {
				fmt.Fprintf(&b, `<text x="%s" y="%d" fill="%s">%s</text>`, strings.TrimSpace(xs.String()), margin+cell*row+cell*3/4, color(on), letters.String())
			}
		}
	}
	for n := range 4 {
		led := face.MinuteLED(n)
		fmt.Fprintf(&b, `<circle cx="%d" cy="%d" r="6" fill="%s"/>`, width/2+cell*(2*n-3)/2, margin+cell*face.Rows+cell*3/4, color(m.Lit(led.Row, led.Col)))
	}
	return []byte(b.String() + "</svg>")
}

func color(on bool) string {
	if on {
		return "#ffe9b0"
	}
	return "#33312d"
}
