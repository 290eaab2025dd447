// Package flash holds what lies in the flash of an ESP32-S3, in its own formats.
//
// So far that is the description of an application image; device, partition
// table and otadata follow with the A/B store.
package flash

// Desc says what an application image is. It holds the fields of ESP-IDF's
// esp_app_desc_t that a clock shows or decides by.
type Desc struct {
	Version       string // as git describe gives it
	Project       string
	SecureVersion uint32 // for anti-rollback
}
