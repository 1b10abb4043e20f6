# Looks at what was built before it is used anywhere: a failing scan fails the build, and Packer deletes its output.
#
#   packer build docs/ci/packer.pkr.hcl

packer {
  required_plugins {
    qemu = {
      source  = "github.com/hashicorp/qemu"
      version = ">= 1.1.0"
    }
  }
}

source "qemu" "golden" {
  disk_image       = true
  iso_url          = "base.qcow2"
  iso_checksum     = "none"
  format           = "qcow2"
  output_directory = "output"
  vm_name          = "golden.qcow2"
  ssh_username     = "builder"
  shutdown_command = "sudo shutdown -P now"
}

build {
  sources = ["source.qemu.golden"]

  # What every clone would share, and the way in that the build used, go last.
  provisioner "shell" {
    inline = [
      "sudo cloud-init clean --logs --machine-id --seed || true",
      "sudo rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub /var/lib/systemd/random-seed /root/.bash_history",
      "rm -f ~/.bash_history ~/.ssh/authorized_keys",
    ]
  }

  post-processor "shell-local" {
    inline = ["nhi-scan --image output/golden.qcow2 --fail-on low --require-complete -o golden.html -o golden.json"]
  }
}
