package boot

// NextSlot returns which of n slots an update goes to while the image in another one
// runs, which may be none of them: the next higher one, after the last the first
// (esp_ota_get_next_update_partition). There is none if only that is left which runs.
func NextSlot(n, running int) (slot int, ok bool) {
	switch {
	case n == 0:
		return NoSlot, false
	case running < 0:
		return 0, true
	}
	slot = (running + 1) % n
	return slot, slot != running
}
