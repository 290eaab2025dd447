package flash

import "slices"

// sector returns where a signature has to lie.
func (m *Image) sector() int64 { return up(m.Size, SectorSize) }

// tail reads what may follow the image in a file.
func (s *scanner) tail(m *Image) error {
	if err := s.fill(min(m.sector(), s.size)); err != nil {
		return err
	}
	if s.size-s.off < SignatureSize {
		return s.fill(s.size)
	}
	p, err := s.peek(1)
	if err != nil {
		return err
	}
	if p[0] == 0xFF {
		return s.fill(s.size)
	}
	return s.signature(m)
}

// signature reads the signature of m, which is the end.
func (s *scanner) signature(m *Image) error {
	p, err := s.read(SignatureSize)
	if err != nil {
		return err
	}
	if m.Signature, err = ReadSignature(p); err != nil {
		return moved(err, m.sector())
	}
	m.End = s.off
	if s.off < s.size {
		return corrupt("image", s.off, "%d bytes behind the signature, want none", s.size-s.off)
	}
	return nil
}

// leftovers looks for a signature among what follows the image in a partition. The
// padding is a part of what is signed: if it is not 0xFF, a signature is that of
// something else.
func (s *scanner) leftovers(m *Image) error {
	fill := m.sector() - m.Size
	if s.size-m.sector() < SignatureSize {
		return nil
	}
	p, err := s.read(int(fill + SignatureSize))
	if err != nil {
		return err
	}
	if firstNot(p[:fill], 0xFF) >= 0 {
		return nil
	}
	if sig, err := ReadSignature(p[fill:]); err == nil && sig.isAbout(m.Signed) {
		m.Signature, m.End = sig, s.off
	}
	return nil
}

// isAbout reports whether a block of s claims to have signed what has that digest.
func (s *Signature) isAbout(digest [digestSize]byte) bool {
	return slices.ContainsFunc(s.Blocks, func(b Block) bool { return b.Digest == digest })
}
