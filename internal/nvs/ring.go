package nvs

import "fmt"

// A Ring is a namespace that keeps the last Size blobs, in the keys entry_000
// and so on, which are used in turn.
type Ring struct {
	Namespace string
	Size      int
}

// written counts all blobs that a ring was ever given.
func (r Ring) written() Key[uint32] { return Key[uint32]{Namespace: r.Namespace, Name: "written"} }

// count returns how many blobs the ring was ever given. A foreign value in its
// place is none: the ring begins anew.
func (r Ring) count(tx *Tx) uint32 {
	n, err := r.written().Get(tx)
	if err != nil {
		return 0
	}
	return n
}

func (r Ring) slot(n uint32) string { return fmt.Sprintf("entry_%03d", n%uint32(r.Size)) }

// Append adds blobs; the oldest ones make place.
func (r Ring) Append(tx *Tx, blobs ...[]byte) error {
	n := r.count(tx)
	for _, blob := range blobs {
		if err := tx.Set(r.Namespace, r.slot(n), Value{Blob, blob}); err != nil {
			return err
		}
		n++
	}
	return r.written().Put(tx, n)
}

// Replace puts a blob in the place of the one with a number, if that is still there.
func (r Ring) Replace(tx *Tx, number uint32, blob []byte) error {
	n := r.count(tx)
	if v, ok := tx.Get(r.Namespace, r.slot(number)); !ok || v.Type != Blob || number >= n || n-number > uint32(r.Size) {
		return nil
	}
	return tx.Set(r.Namespace, r.slot(number), Value{Blob, blob})
}

// Skip makes number the next to be appended, if it is not behind: the slots
// between are emptied.
func (r Ring) Skip(tx *Tx, number uint32) error {
	n := r.count(tx)
	if n >= number {
		return nil
	}
	for i := max(n, number-min(number, uint32(r.Size))); i < number; i++ {
		if err := tx.Delete(r.Namespace, r.slot(i)); err != nil {
			return err
		}
	}
	return r.written().Put(tx, number)
}

// All returns what the ring holds, the oldest first, and the number of the
// first, counted from 0 over all that was ever appended. Slots that are missing
// or hold no blob come as nil.
func (r Ring) All(tx *Tx) (blobs [][]byte, first uint32) {
	n := r.count(tx)
	if size := uint32(r.Size); n > size {
		first = n - size
	}
	for i := first; i < n; i++ {
		v, _ := tx.Get(r.Namespace, r.slot(i))
		if v.Type != Blob {
			v.Data = nil
		}
		blobs = append(blobs, v.Data)
	}
	return blobs, first
}

// Clear takes all entries away; what is appended next is number written.
func (r Ring) Clear(tx *Tx) error {
	for i := range r.Size {
		if err := tx.Delete(r.Namespace, r.slot(uint32(i))); err != nil {
			return err
		}
	}
	return nil
}
